"""Values of the hyperparameters that several methods share."""

ALPHAS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000)
BETAS = (1, 3, 5.5, 10, 30, 100, 300)

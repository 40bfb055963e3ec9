"""Few-shot classification: PointCLIP V1's and V2's, and heads that need no training."""

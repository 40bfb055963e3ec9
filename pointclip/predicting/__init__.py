"""What the tasks' faces share (`pointclip.Classifier` and the like): the caller's shapes and a frozen CLIP."""

from pointclip.predicting.answers import ClassAnswer
from pointclip.predicting.class_predictor import ClassPredictor, Names
from pointclip.predicting.given import Given
from pointclip.predicting.predictor import Named, Options, Predictor, aligned

__all__ = ["ClassAnswer", "ClassPredictor", "Given", "Named", "Names", "Options", "Predictor", "aligned"]

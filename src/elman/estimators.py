"""The estimators and `load`, under the names by which they are imported from elman."""

from elman.tasks.classify import Classifier
from elman.tasks.estimator import load

__all__ = ["Classifier", "load"]

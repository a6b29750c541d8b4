"""Features: what input columns are. Importing this folder registers its kinds."""

from deepwright.features.category import Category
from deepwright.features.date import Date
from deepwright.features.flag import Flag
from deepwright.features.image import Image
from deepwright.features.infer import Inferred, infer_features
from deepwright.features.number import Number

__all__ = ["Category", "Date", "Flag", "Image", "Inferred", "Number", "infer_features"]

"""Technology mapping: a model as lookup tables, the readout first."""

from lgncc.mapping.map_model import map_model
from lgncc.mapping.options import MappingOptions

__all__ = ["MappingOptions", "map_model"]

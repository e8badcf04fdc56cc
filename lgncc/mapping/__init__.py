"""Technology mapping: a model as lookup tables, the readout first."""

from lgncc.mapping.map_model import map_and_pin, map_model
from lgncc.mapping.options import MappingOptions

__all__ = ["MappingOptions", "map_and_pin", "map_model"]

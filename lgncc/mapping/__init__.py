"""Technology mapping: a model as lookup tables, the readout first."""

from lgncc.mapping.map_model import MappingOptions, map_model

__all__ = ["MappingOptions", "map_model"]

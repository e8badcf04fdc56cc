"""lgncc: compile trained logic-gate networks to verified bitstreams on open FPGAs."""

__version__ = "0.1.0"

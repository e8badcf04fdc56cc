"""PyTorch layers whose networks compile, and the file that carries them.

from lgncc import nn
model = torch.nn.Sequential(
    nn.Threshold(64, 7.5, nn.InputFormat(bits=5)), nn.LogicDense(64, 500), nn.GroupSum(10)
)
nn.save(model, "digits.pt")
"""

from lgncc.nn.boolean import BooleanDense, BooleanOptimizer
from lgncc.nn.checkpoint import Checkpoint, load, save
from lgncc.nn.conv import Flatten, Image, LogicConv2d, OrPool2d
from lgncc.nn.inputs import InputFormat, Thermometer, Threshold
from lgncc.nn.layers import GroupSum, LogicDense
from lgncc.nn.learnable_thermometer import LearnableThermometer
from lgncc.nn.noise import TemperatureSchedule, set_temperature
from lgncc.nn.recurrent import LogicRecurrent, Streaming

__all__ = [
    "BooleanDense",
    "BooleanOptimizer",
    "Checkpoint",
    "Flatten",
    "GroupSum",
    "Image",
    "InputFormat",
    "LearnableThermometer",
    "LogicConv2d",
    "LogicDense",
    "LogicRecurrent",
    "OrPool2d",
    "Streaming",
    "TemperatureSchedule",
    "Thermometer",
    "Threshold",
    "load",
    "save",
    "set_temperature",
]

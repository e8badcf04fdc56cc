"""The one part that pyproject.toml cannot say: the golden model's inner loop, in C.

Optional: without a C compiler the install goes on, and numpy answers instead, slower. The
library is loaded by ctypes, so that neither Python's headers nor its ABI matter.
"""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "lgncc._bitslice",
            sources=["lgncc/bitslice.c"],
            extra_compile_args=["-std=gnu11", "-O3"],
            optional=True,
        )
    ]
)

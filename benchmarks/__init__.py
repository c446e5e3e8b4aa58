"""What can be measured again: `make benchmark`, or one module by `python -m benchmarks.overhead`.

Every figure is a ratio or a difference within one run, since machines and days differ.
"""

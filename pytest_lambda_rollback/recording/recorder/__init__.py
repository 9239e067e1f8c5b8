"""The recorder that users put into their function. Nothing of this package imports it.

It is one file without dependencies, ``lambda_rollback_recorder.py``, to copy beside a function's
code or to bring as a layer.
"""

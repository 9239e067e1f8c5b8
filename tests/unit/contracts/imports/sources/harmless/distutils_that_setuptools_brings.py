import distutils.util
# empty: shared-1
# file: shared-1 setuptools/__init__.py
# file: shared-1 distutils/util.py
# empty: shared-2
# file: shared-2 setuptools/__init__.py

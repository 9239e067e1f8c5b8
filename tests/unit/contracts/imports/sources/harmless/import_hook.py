import sys
sys.meta_path.append(object())
import acme
# empty: shared-2
# file: shared-2 other.py

import sys, os
if sys.platform == 'win32' or os.name == 'nt':
    import acme.extra

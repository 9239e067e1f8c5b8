import sys, types
sys.modules['acme.extra'] = types.ModuleType('acme.extra')
import acme.extra

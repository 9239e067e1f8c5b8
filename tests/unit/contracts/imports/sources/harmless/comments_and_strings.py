# import acme.extra
'''
import acme.extra
'''

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

MODES = {"half-up": ROUND_HALF_UP, "half-even": ROUND_HALF_EVEN}


def rounded(cents, mode="half-up"):
    return int(Decimal(str(cents)).quantize(Decimal(1), MODES[mode]))

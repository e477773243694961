"""Exact ratios between the units that tables and people use and the ones used inside.

Inside: joules, grams, seconds. Convert once, where the odd unit enters or leaves.
"""

J_PER_WH = 3_600.0
J_PER_KWH = 3_600_000.0
G_PER_KG = 1_000.0
S_PER_HOUR = 3_600.0
HOURS_PER_YEAR = 8_766.0  # 365.25 days

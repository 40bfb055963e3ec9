"""Detection's realistic projection: each box's points are seen as classification sees a shape, in its ten views.

A box's heading is known up to quarter turns, by which these views are placed.
"""

from zeroshot_cls.projections import open_projection, open_view_weights
from zeroshot_cls.realistic_projection import SPEC, VIEWS, RealisticProjection

__all__ = ["SPEC", "VIEWS", "RealisticProjection", "open_projection", "open_view_weights"]

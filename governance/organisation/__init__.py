"""What the organisation lays down about itself: policy, roles, risks, objectives, applicability, times (4 to 6)."""

"""Pure planners: what is wanted against what is there gives a ``Plan``; one file per noun."""

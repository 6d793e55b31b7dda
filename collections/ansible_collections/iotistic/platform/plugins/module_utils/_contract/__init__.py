"""Values, decoding and pure planners that every part of Iotistic speaks through."""

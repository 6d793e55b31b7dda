"""Bodies and answers of this API: pydantic at the HTTP edge."""

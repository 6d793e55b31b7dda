"""What the engine has images by."""

from iotistic_contract.images import Image

__all__ = ["name_on_engine"]


def name_on_engine(image: Image) -> tuple[str, str]:
    """Return repository and tag that the engine has a reference's image by.

    An image without a tag would fall to ``docker image prune``: a digest becomes one.
    """
    tag = image.digest.replace(":", "-") if image.digest else image.tag or "latest"
    return f"{image.registry}/{image.repository}", tag

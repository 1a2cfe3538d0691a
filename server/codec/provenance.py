"""The mark of a picture that a trained model made: IPTC's "trainedAlgorithmicMedia", in XMP, and in PNG's texts, too.

IPTC Photo Metadata, Digital Source Type: https://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia. The mark is
the same for all pictures, so that it costs a copy of the file; it says nothing of the prompt or of who asked.
"""

SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
SOFTWARE = "Allaprima"

XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'xmp:CreatorTool="{SOFTWARE}" Iptc4xmpExt:DigitalSourceType="{SOURCE}"/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
).encode()

PNG_MARK = ((b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + XMP), (b"tEXt", b"Software\0" + SOFTWARE.encode()))
"""Chunks of a PNG: XMP, uncompressed and of no language, and a text by the name that the standard has for it."""

_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0" + XMP
_SEGMENT = b"\xff\xe1" + (len(_IN_JPEG) + 2).to_bytes(2, "big") + _IN_JPEG
_APP0 = b"\xff\xe0"


def mark_jpeg(jpeg: bytes) -> bytes:
    """The JPEG with the mark behind its first segment, which JFIF wants to be its own."""
    at = 2
    if jpeg[2:4] == _APP0:
        at += 2 + int.from_bytes(jpeg[4:6], "big")
    return jpeg[:at] + _SEGMENT + jpeg[at:]

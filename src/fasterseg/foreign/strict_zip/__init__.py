"""Zip archives as a stranger may hand them over: read by one strict parser, with limits.

Zip says much twice, and readers believe different halves of it. What is read here is therefore
what no two readers can understand differently: every byte belongs to one member or to the one
directory at the end, what is said twice is said alike, no name comes twice or leads anywhere
else. Nothing is unpacked before all of this was looked at.
"""

from fasterseg.foreign.strict_zip.archive import StrictZip, read_zip
from fasterseg.foreign.strict_zip.bounds import CutShort, Member, NotAStrictZip, ZipLimits

__all__ = ["CutShort", "Member", "NotAStrictZip", "StrictZip", "ZipLimits", "read_zip"]

"""Which file names are photos, videos or companions, and which are system files. Pure.

The extension only decides whether a file is media; its first bytes decide how it is read.
"""

import os
from functools import lru_cache

RAW_EXTENSIONS = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .gpr .iiq .k25 .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw "
    ".rw2 .rwl .sr2 .srf .srw .x3f".split()
)
IMAGE_EXTENSIONS = RAW_EXTENSIONS | frozenset(
    ".avif .bmp .gif .heic .heif .hif .insp .j2k .jfif .jp2 .jpe .jpeg .jpg .jxl .mpo .png .psd .tif .tiff "
    ".webp".split()
)
VIDEO_EXTENSIONS = frozenset(
    ".360 .3g2 .3gp .asf .avi .divx .dv .flv .insv .lrv .m1v .m2t .m2ts .m2v .m4v .mkv .mov .mp .mp4 .mpe .mpeg .mpg "
    ".mts .mxf .ogv .qt .tod .vob .webm .wmv".split()
)
SIDECAR_EXTENSIONS = frozenset(".aae .json .thm .xmp".split())
_KINDS = {
    **dict.fromkeys(SIDECAR_EXTENSIONS, "sidecar"),
    **dict.fromkeys(VIDEO_EXTENSIONS, "video"),
    **dict.fromkeys(IMAGE_EXTENSIONS, "image"),
}

# The default name of the quarantine folder in a source.
QUARANTINE_FOLDER = ".media-quarantine"

SYSTEM_FOLDERS = frozenset(
    "@eadir $recycle.bin #recycle .fseventsd .spotlight-v100 .temporaryitems .thumbnails .trash .trashes "
    "lost+found".split()
) | {QUARANTINE_FOLDER, "system volume information"}
SYSTEM_FILES = frozenset({".ds_store", "desktop.ini", "thumbs.db", "ehthumbs.db", ".nomedia", ".picasa.ini"})


# Cached, since organize needs it a dozen times for each name.
@lru_cache(maxsize=4096)
def extension_of(name: str) -> str:
    """The extension in lower case, including its dot; empty if there is none."""
    return os.path.splitext(name)[1].lower()


def kind_of(name: str) -> str:
    """The media kind of a name: ``image``, ``video`` or ``sidecar``; empty if it is not media."""
    return _KINDS.get(extension_of(name), "")


def is_system_folder(name: str) -> bool:
    """Whether a folder belongs to an operating system, a NAS or this project."""
    return name.lower() in SYSTEM_FOLDERS or name.lower().startswith(".trash-")


def system_folder_in(relative: str) -> str:
    """The first system folder in a relative path; empty if there is none."""
    return next(filter(is_system_folder, relative.split(os.sep)), "")


def is_system_file(name: str) -> bool:
    """Whether a file belongs to an operating system or this project: ``Thumbs.db``, ``._name`` of macOS."""
    return name.lower() in SYSTEM_FILES or name.startswith(("._", ".media-archive", ".media-probe-"))

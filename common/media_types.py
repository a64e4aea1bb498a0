"""Which file names are photos, videos or companions, and which are system files. Pure.

The extension only decides whether a file is media; its first bytes decide how it is read.
"""

import os
import re
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

# Bins, snapshots, older versions, thumbnails and caches, in lower case. What lies there goes away by itself one day.
SYSTEM_FOLDERS = frozenset(
    # Windows
    "$recycle.bin recycler recycled filehistory "
    # macOS
    ".fseventsd .spotlight-v100 .temporaryitems .trash .trashes .documentrevisions-v100 .mobilebackups "
    "backups.backupdb "
    # Linux, file systems and their snapshots
    "lost+found .thumbnails .snapshot .snapshots ~snapshot .zfs .btrbk_snapshots _btrbk_snap timeshift-btrfs "
    # NAS: Synology, QNAP, Samba's recycle module, Buffalo, Thecus, ReadyNAS
    "@eadir #recycle #snapshot @tmp @sharebin @sharesnap @recycle @recently-snapshot @recently-snapshots .@__thumb "
    ".@upload_cache @transcode .@qsync .recycle .recycler .recycle.bin trashbox @snapshots "
    # Syncthing, Resilio, Dropbox, Google Drive, Nextcloud, ownCloud
    ".stversions .stfolder .sync .dropbox.cache .tmp.drivedownload .tmp.driveupload files_trashbin "
    "files_versions".split()
) | {QUARANTINE_FOLDER, "system volume information", "network trash folder", "temporary items"}
_SYSTEM_FOLDER = r"\.trash-.*|found\.[0-9]{3}|_nas_recycle_.*|\.mobilebackups.*|@gmt-[0-9.-]+"
# Older versions and bins of backup and sync programs and of some NAS: GoodSync, MEGA, ReadyNAS, Zyxel, rsnapshot, Time
# Machine. They may be a person's folders as well, so sources are scanned there, but no copy in an archive counts there.
_UNSAFE_FOLDERS = frozenset({"_gsdata_", "syncdebris", "recycle bin", "recycle"})
_UNSAFE_FOLDER = (
    r"(?:hourly|daily|weekly|monthly|yearly)\.[0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{6}(?:\.(?:backup|previous))?"
)
_TIMESHIFT = ("timeshift", "snapshots")
UNDATED_FOLDER = "unknown-date"
_YEAR_FOLDER = r"1[89][0-9]{2}|20[0-9]{2}|2100"
# Month and day may follow at once: 201905, 20190503.
_YEAR_IN_NAME = r"(?<![0-9])(?:1[89][0-9]{2}|20[0-9]{2}|2100)(?:[01][0-9](?:[0-3][0-9])?)?(?![0-9])"
SYSTEM_FILES = frozenset({".ds_store", "desktop.ini", "thumbs.db", "ehthumbs.db", ".nomedia", ".picasa.ini"})


# Cached, since organize needs it a dozen times for each name.
@lru_cache(maxsize=4096)
def extension_of(name: str) -> str:
    """The extension in lower case, including its dot; empty if there is none."""
    return os.path.splitext(name)[1].lower()


def kind_of(name: str) -> str:
    """The media kind of a name: ``image``, ``video`` or ``sidecar``; empty if it is not media."""
    return _KINDS.get(extension_of(name), "")


@lru_cache(maxsize=4096)
def is_system_folder(name: str) -> bool:
    """Whether a folder belongs to an operating system, a NAS or this project."""
    folded = name.lower()
    return folded in SYSTEM_FOLDERS or re.fullmatch(_SYSTEM_FOLDER, folded) is not None


def unsafe_folder_in(relative: str) -> str:
    """The first folder of a relative path in which no copy is safe: a hidden or a system folder, or one of older
    versions; empty if none."""
    return _first_unsafe_folder(os.path.dirname(relative))


# Cached, since files of one folder come in sequence.
@lru_cache(maxsize=1024)
def _first_unsafe_folder(path: str) -> str:
    folders = path.split(os.sep)
    return next(
        (name for name, above in zip(folders, ["", *folders], strict=False) if _is_unsafe_folder(name, above)), ""
    )


def _is_unsafe_folder(name: str, above: str) -> bool:
    folded = name.lower()
    return (
        name.startswith(".")
        or is_system_folder(name)
        or folded in _UNSAFE_FOLDERS
        or re.fullmatch(_UNSAFE_FOLDER, folded) is not None
        or (above.lower(), folded) == _TIMESHIFT
    )


def is_in_year_folder(relative: str, *, exactly: bool = True) -> bool:
    """Whether a file at a relative path in an archive lies where a layout puts files: a year folder, or no date.

    Without ``exactly``, a year anywhere in the name of a folder is enough, since layouts differ.
    """
    folders = relative.split(os.sep)[:-1]
    pattern, is_match = (_YEAR_FOLDER, re.fullmatch) if exactly else (_YEAR_IN_NAME, re.search)
    return any(name == UNDATED_FOLDER or is_match(pattern, name) for name in folders)


def is_system_file(name: str) -> bool:
    """Whether a file belongs to an operating system or this project: ``Thumbs.db``, ``._name`` of macOS."""
    return name.lower() in SYSTEM_FILES or name.startswith(("._", ".media-archive", ".media-probe-"))

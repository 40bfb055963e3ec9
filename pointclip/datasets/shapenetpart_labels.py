"""ShapeNetPart's categories, parts and label numbers, shared by its reader and the synthetic shapes.

The order of the categories, the number of parts of each and their first label are those of the published files. The
part names are our interpretation of the labels, since the HDF5 files only contain numbers; those of lamp and the last
of skateboard are the least certain. PointCLIP V2's code uses the same words for lamp's first and last part, the lamp's
support, and takes skateboard's last part for foot straps, where other shapes have trucks.
"""

PART_NAMES: dict[str, tuple[str, ...]] = {
    "airplane": ("body", "wing", "tail", "engine"),
    "bag": ("handle", "body"),
    "cap": ("crown", "peak"),
    "car": ("roof", "hood", "wheel", "body"),
    "chair": ("back", "seat", "leg", "arm"),
    "earphone": ("earcup", "headband", "cord"),
    "guitar": ("head", "neck", "body"),
    "knife": ("blade", "handle"),
    "lamp": ("base", "lampshade", "canopy", "pole"),
    "laptop": ("keyboard", "screen"),
    "motorbike": ("gas tank", "seat", "wheel", "handlebar", "light", "frame"),
    "mug": ("handle", "cup"),
    "pistol": ("barrel", "handle", "trigger"),
    "rocket": ("body", "fin", "nose"),
    "skateboard": ("wheel", "deck", "truck"),
    "table": ("top", "leg", "drawer"),
}  # category -> part names, in label order

CATEGORIES: tuple[str, ...] = tuple(PART_NAMES)  # 16, in label order

FIRST_PART: tuple[int, ...] = tuple(
    sum(len(parts) for parts in list(PART_NAMES.values())[:index]) for index in range(len(PART_NAMES))
)  # label in 0..49 of each category's first part: 0 4 6 8 12 16 19 22 24 28 30 36 38 41 44 47

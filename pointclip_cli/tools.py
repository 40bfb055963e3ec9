"""The commands of `pointclip` that are no tasks."""

TOOLS = {  # name: (module and function, help)
    "configs": ("pointclip_cli.listings:list_configs", "list the configs, the choices of --config"),
    "encoders": ("pointclip_cli.listings:list_encoders", "list the encoder presets, the choices of --encoder"),
    "table": (
        "pointclip_cli.table:main",
        "make a table that compares our scores with published ones; alone, list them",
    ),
    "search": ("pointclip_cli.search:main", "search sentences and view weights using labels: search TASK …"),
    "figure": ("zeroshot_cls.figure:main", "draw V1's and V2's depth maps of shapes, and what CLIP finds in them"),
    "prompts": ("pointclip_cli.prompts:main", "make sentences: build, generate, import-published"),
    "download": ("pointclip.datasets.download:main", "download a data set and check it"),
    "verify": ("zeroshot_det.scenes.verify:main", "check a prepared detection data set"),
    "cache": ("pointclip_cli.cache:main", "show and clear caches"),
    "doctor": ("pointclip_cli.doctor:main", "check the installation, and suggest fixes"),
    "completion": ("pointclip_cli.completion:main", "print the shell code that enables completion (needs argcomplete)"),
}

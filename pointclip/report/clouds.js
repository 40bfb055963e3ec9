// Clouds are drawn only while near the visible part of the page: browsers allow about 16 of them at once.
const options = { displayModeBar: false, scrollZoom: false, responsive: true };
for (const group of document.querySelectorAll(".shape")) {
  const panes = [...group.querySelectorAll(".cloud")];
  const figures = new Map(panes.map((pane) => [pane, JSON.parse(pane.nextElementSibling.textContent)]));
  const home = figures.get(panes[0]).layout.scene.camera;
  let camera = home,
    held = null;

  function look(next, source) {
    camera = next;
    for (const pane of panes) if (pane !== source && pane.drawn) Plotly.relayout(pane, { "scene.camera": camera });
  }
  function follow(pane, event) {
    if (pane === held && event["scene.camera"]) look(event["scene.camera"], pane);
  }
  function release(pane, event) {
    if (pane !== held) return;
    follow(pane, event);
    held = null;
    // the cloud may move one frame beyond its last event: set all to the same camera
    setTimeout(() => {
      if (!held) look(camera, null);
    }, 60);
  }
  async function draw(pane) {
    const { data, layout } = figures.get(pane);
    await Plotly.newPlot(pane, data, { ...layout, scene: { ...layout.scene, camera } }, options);
    pane.drawn = true;
    pane.on("plotly_relayouting", (event) => follow(pane, event));
    pane.on("plotly_relayout", (event) => release(pane, event));
  }
  const near = new IntersectionObserver(
    (entries) =>
      entries.forEach(({ target, isIntersecting }) => {
        if (isIntersecting && !target.drawn) draw(target);
        if (!isIntersecting && target.drawn) {
          target.drawn = false;
          Plotly.purge(target);
        }
      }),
    { rootMargin: "200px" },
  );
  for (const pane of panes) {
    for (const name of ["pointerdown", "touchstart"])
      pane.addEventListener(
        name,
        () => {
          held = pane;
        },
        { capture: true, passive: true },
      );
    near.observe(pane);
  }

  const turned = (angle, zoom) => {
    const { x, y, z } = camera.eye,
      c = Math.cos(angle),
      s = Math.sin(angle);
    return { ...camera, eye: { x: (c * x - s * y) * zoom, y: (s * x + c * y) * zoom, z: z * zoom } };
  };
  const moves = {
    left: () => turned(-Math.PI / 6, 1),
    right: () => turned(Math.PI / 6, 1),
    closer: () => turned(0, 0.8),
    further: () => turned(0, 1.25),
    reset: () => home,
  };
  for (const button of group.querySelectorAll("button"))
    button.addEventListener("click", () => {
      held = null;
      look(moves[button.dataset.move](), null);
    });
}

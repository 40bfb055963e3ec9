// Clouds are drawn only while near the visible part of the page: browsers allow about 16 of them at once.
const options = { displayModeBar: false, scrollZoom: false, responsive: true };
const margin = "200px"; // around the window
for (const group of document.querySelectorAll(".shape")) {
  const panes = [...group.querySelectorAll(".cloud")];
  const figures = new Map(panes.map((pane) => [pane, JSON.parse(pane.nextElementSibling.textContent)]));
  const home = figures.get(panes[0]).layout.scene.camera;
  const near = new Set(); // the panes to draw
  const drawn = new Set();
  const busy = new Set(); // being drawn or cleared
  let camera = home;
  let held = null; // the pane that the pointer drags

  function look(next, source) {
    camera = next;
    for (const pane of drawn) if (pane !== source) Plotly.relayout(pane, { "scene.camera": camera });
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
    drawn.add(pane);
    pane.on("plotly_relayouting", (event) => follow(pane, event));
    pane.on("plotly_relayout", (event) => release(pane, event));
  }
  function clear(pane) {
    drawn.delete(pane);
    Plotly.purge(pane);
  }
  async function update(pane) {
    if (busy.has(pane)) return;
    busy.add(pane);
    while (near.has(pane) !== drawn.has(pane)) {
      if (near.has(pane)) await draw(pane);
      else clear(pane);
    }
    busy.delete(pane);
  }
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) near.add(target);
        else near.delete(target);
        update(target);
      }
    },
    { rootMargin: margin },
  );
  for (const pane of panes) {
    const hold = () => {
      held = pane;
    };
    for (const name of ["pointerdown", "touchstart"])
      pane.addEventListener(name, hold, { capture: true, passive: true });
    watcher.observe(pane);
  }

  function turned(angle, zoom) {
    const { x, y, z } = camera.eye;
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    return { ...camera, eye: { x: (c * x - s * y) * zoom, y: (s * x + c * y) * zoom, z: z * zoom } };
  }
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

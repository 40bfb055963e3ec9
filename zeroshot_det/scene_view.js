const EDGES = [
  [0, 1],
  [1, 2],
  [2, 3],
  [3, 0],
  [4, 5],
  [5, 6],
  [6, 7],
  [7, 4],
  [0, 4],
  [1, 5],
  [2, 6],
  [3, 7],
];
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
for (const canvas of document.querySelectorAll(".view")) {
  const data = JSON.parse(canvas.nextElementSibling.textContent);
  const xyz = new Int16Array(bytes(data.points).buffer),
    rgb = bytes(data.colours);
  const card = canvas.closest(".scene"),
    whole = !canvas.classList.contains("crop");
  const home = { yaw: -0.9, pitch: 0.85, zoom: 1 };
  let look = { ...home },
    chosen = -1,
    minScore = data.minScore,
    top = 1,
    truth = true,
    waiting = false;

  function place(x, y, z, size) {
    // room axes, in units of half the extent -> pixel and depth
    const c = Math.cos(look.yaw),
      s = Math.sin(look.yaw),
      cp = Math.cos(look.pitch),
      sp = Math.sin(look.pitch);
    const u = c * x - s * y,
      v = s * x + c * y;
    const depth = v * cp - z * sp,
      up = v * sp + z * cp,
      far = 4 / (4 + depth);
    return [size.w / 2 + u * far * size.k, size.h / 2 - up * far * size.k, depth];
  }
  function draw() {
    waiting = false;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const w = Math.round(canvas.clientWidth * ratio),
      h = Math.round(canvas.clientHeight * ratio);
    if (!w || !h) return;
    if (canvas.width !== w || canvas.height !== h) {
      canvas.width = w;
      canvas.height = h;
    }
    const ctx = canvas.getContext("2d"),
      image = ctx.createImageData(w, h),
      near = new Float32Array(w * h).fill(1e9);
    const size = { w, h, k: look.zoom * 0.42 * Math.min(w * 0.9, h * 1.15) };
    image.data.fill(255);
    const dot = Math.max(1, Math.round((whole ? 1.6 : 2) * ratio * Math.sqrt(look.zoom)));
    for (let i = 0; i < xyz.length / 3; i++) {
      const z = xyz[3 * i + 2] / 32767;
      if (data.low + (data.high - data.low) * top < z) continue;
      const [px, py, depth] = place(xyz[3 * i] / 32767, xyz[3 * i + 1] / 32767, z, size);
      const fog = Math.min(0.5, Math.max(0, 0.22 + 0.2 * depth));
      for (let a = 0; a < dot; a++)
        for (let b = 0; b < dot; b++) {
          const x = Math.round(px) + a,
            y = Math.round(py) + b;
          if (x < 0 || y < 0 || x >= w || y >= h || near[y * w + x] <= depth) continue;
          const at = y * w + x;
          near[at] = depth;
          for (let k = 0; k < 3; k++) image.data[4 * at + k] = rgb[3 * i + k] * (1 - fog) + 255 * fog;
        }
    }
    ctx.putImageData(image, 0, 0);
    ctx.font = `600 ${12 * ratio}px system-ui, sans-serif`;
    const tags = [];
    const drawBox = (item, colour, width, dash, label) => {
      const corner = item.corners.map((p) => place(p[0], p[1], p[2], size));
      ctx.strokeStyle = colour;
      ctx.lineWidth = width * ratio;
      ctx.setLineDash(dash.map((d) => d * ratio));
      ctx.beginPath();
      for (const [a, b] of EDGES) {
        ctx.moveTo(corner[a][0], corner[a][1]);
        ctx.lineTo(corner[b][0], corner[b][1]);
      }
      ctx.stroke();
      const high = corner.reduce((best, p) => (p[1] < best[1] ? p : best));
      if (label) tags.push([label, high[0], high[1] - 4 * ratio, colour]);
    };
    if (truth)
      for (const item of data.truth) drawBox(item, "#333", 1, [4, 4], whole && !data.boxes.length ? item.name : "");
    data.boxes.forEach((item, i) => {
      if (item.score >= minScore || i === chosen)
        drawBox(item, item.colour, i === chosen ? 3.5 : 1.8, [], `${item.name} ${item.score.toFixed(2)}`);
    });
    ctx.setLineDash([]);
    for (const [label, x, y, colour] of tags) {
      const width = ctx.measureText(label).width;
      const left = Math.min(Math.max(x - width / 2, 4), Math.max(w - width - 8 * ratio, 4));
      ctx.fillStyle = "rgba(255,255,255,.85)";
      ctx.fillRect(left - 3 * ratio, y - 12 * ratio, width + 6 * ratio, 15 * ratio);
      ctx.fillStyle = colour;
      ctx.fillText(label, left, y);
    }
  }
  const redraw = () => {
    if (!waiting) {
      waiting = true;
      requestAnimationFrame(draw);
    }
  };
  const turn = (yaw, pitch, zoom) => {
    look = {
      yaw: look.yaw + yaw,
      pitch: Math.min(1.57, Math.max(-0.3, look.pitch + pitch)),
      zoom: Math.min(12, Math.max(0.3, look.zoom * zoom)),
    };
    canvas.dataset.yaw = look.yaw.toFixed(3);
    redraw();
  };
  let from = null;
  canvas.addEventListener("pointerdown", (event) => {
    from = [event.clientX, event.clientY];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    turn((event.clientX - from[0]) / -140, (event.clientY - from[1]) / 140, 1);
    from = [event.clientX, event.clientY];
  });
  for (const name of ["pointerup", "pointercancel"])
    canvas.addEventListener(name, () => {
      from = null;
    });
  canvas.addEventListener("keydown", (event) => {
    const moves = {
      ArrowLeft: [0.2, 0, 1],
      ArrowRight: [-0.2, 0, 1],
      ArrowUp: [0, 0.15, 1],
      ArrowDown: [0, -0.15, 1],
      "+": [0, 0, 1.25],
      "-": [0, 0, 0.8],
    };
    if (event.key in moves) {
      turn(...moves[event.key]);
      event.preventDefault();
    }
  });
  if (whole) {
    const moves = { left: [0.5, 0, 1], right: [-0.5, 0, 1], closer: [0, 0, 1.25], further: [0, 0, 0.8] };
    for (const button of card.querySelectorAll("button[data-move]"))
      button.addEventListener("click", () => {
        if (button.dataset.move === "reset") {
          look = { ...home };
          redraw();
        } else turn(...moves[button.dataset.move]);
      });
    const rows = [...card.querySelectorAll("tr[data-box]")];
    const filter = () => {
      for (const row of rows) row.classList.toggle("dim", +row.dataset.score < minScore);
      canvas.dataset.shown = data.boxes.filter((item) => item.score >= minScore).length;
    };
    const slider = (name) => card.querySelector(`input[name=${name}]`);
    slider("score").addEventListener("input", (event) => {
      minScore = +event.target.value;
      event.target.nextElementSibling.textContent = minScore.toFixed(2);
      filter();
      redraw();
    });
    slider("height").addEventListener("input", (event) => {
      top = +event.target.value;
      redraw();
    });
    slider("truth")?.addEventListener("input", (event) => {
      truth = event.target.checked;
      redraw();
    });
    const choose = (row) => {
      chosen = chosen === +row.dataset.box ? -1 : +row.dataset.box;
      for (const row of rows) row.classList.toggle("chosen", +row.dataset.box === chosen);
      redraw();
    };
    rows.forEach((row) => {
      row.addEventListener("click", () => choose(row));
      row.addEventListener("keydown", (event) => {
        if (event.key === "Enter") choose(row);
      });
    });
    filter();
  }
  new ResizeObserver(redraw).observe(canvas);
  new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) redraw();
  }).observe(canvas);
}

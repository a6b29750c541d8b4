// A neural cellular automaton on a torus: see models/layers/cells.py, whose numbers this follows.
const floats = text => new Float32Array(Uint8Array.from(atob(text), sign => sign.charCodeAt(0)).buffer);
const S = RULE.states, W = RULE.hidden, SEES = 4 * S;
const first = floats(RULE.first), bias = floats(RULE.bias), second = floats(RULE.second); // (W, 4S), (W), (S, W)
const at = name => document.getElementById(name);
const canvas = at('canvas'), paper = canvas.getContext('2d');
const seen = new Float32Array(SEES), hidden = new Float32Array(W);

function grid(height, width) {
  return { height, width, now: new Float32Array(height * width * S), next: new Float32Array(height * width * S), steps: 0 };
}

// One step; states of a cell lie side by side. `fires` says whether the cell changes.
function step(cells, fires) {
  const { height, width, now, next } = cells;
  next.set(now);
  for (let y = 0; y < height; y++) {
    const above = ((y + height - 1) % height) * width, here = y * width, below = ((y + 1) % height) * width;
    for (let x = 0; x < width; x++) {
      if (!fires()) continue;
      const left = (x + width - 1) % width, right = (x + 1) % width, own = (here + x) * S;
      const places = [above + left, above + x, above + right, here + left, here + right, below + left, below + x, below + right];
      const [nw, n, ne, w, e, sw, s, se] = places.map(place => place * S);
      for (let k = 0; k < S; k++) {
        const a = now[nw + k], b = now[n + k], c = now[ne + k], d = now[w + k], f = now[e + k];
        const g = now[sw + k], h = now[s + k], i = now[se + k], middle = now[own + k];
        seen[k] = middle;
        seen[S + k] = (g + 2 * h + i - a - 2 * b - c) / 8;
        seen[2 * S + k] = (c + 2 * f + i - a - 2 * d - g) / 8;
        seen[3 * S + k] = (a + c + g + i + 2 * (b + d + f + h) + 4 * middle) / 16 - middle;
      }
      for (let j = 0; j < W; j++) {
        let sum = bias[j];
        for (let k = 0, place = j * SEES; k < SEES; k++) sum += first[place + k] * seen[k];
        hidden[j] = sum > 0 ? sum : 0;
      }
      for (let k = 0; k < S; k++) {
        let sum = now[own + k];
        for (let j = 0, place = k * W; j < W; j++) sum += second[place + j] * hidden[j];
        next[own + k] = sum;
      }
    }
  }
  cells.now = next;
  cells.next = now;
  cells.steps++;
}

function draw(cells) {
  const image = paper.createImageData(cells.width, cells.height), C = RULE.colours;
  for (let place = 0; place < cells.width * cells.height; place++) {
    for (let c = 0; c < 3; c++) {
      const value = cells.now[place * S + (C === 1 ? 0 : c)];
      image.data[4 * place + c] = Math.round(127.5 * (Math.min(1, Math.max(-1, value)) + 1));
    }
    image.data[4 * place + 3] = 255;
  }
  paper.putImageData(image, 0, 0);
}

let cells, running = !matchMedia('(prefers-reduced-motion: reduce)').matches, calm = !running;
function begin(side) {
  cells = grid(side, side);
  canvas.width = canvas.height = side;
  if (calm) while (cells.steps < 96) step(cells, fires); // whoever wants no motion sees the texture, not its growth
  draw(cells);
}
const fires = () => Math.random() < RULE.fires;
function told() {
  at('pause').textContent = running ? 'Pause' : 'Go on';
  at('told').textContent = cells.width + ' × ' + cells.height + ' cells, step ' + cells.steps;
}
function frame() {
  if (running) {
    const until = performance.now() + 24;
    do step(cells, fires); while (performance.now() < until);
    draw(cells);
  }
  told();
  requestAnimationFrame(frame);
}
function wipe(event) {
  if (!event.buttons) return;
  const box = canvas.getBoundingClientRect(), reach = Number(at('brush').value), { width, height } = cells;
  const x = Math.floor((event.clientX - box.left) / box.width * width), y = Math.floor((event.clientY - box.top) / box.height * height);
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      if (dx * dx + dy * dy > reach * reach) continue;
      const place = ((y + dy + height) % height) * width + (x + dx + width) % width;
      cells.now.fill(0, place * S, place * S + S);
    }
  }
  draw(cells);
}
const pause = () => { running = !running; told(); };
for (const side of [...new Set([RULE.side, 64, 96, 128, 192, 256])].sort((a, b) => a - b)) {
  const option = document.createElement('option');
  option.value = option.textContent = side;
  at('side').append(option);
}
at('side').value = 96;
at('side').addEventListener('change', () => begin(Number(at('side').value)));
at('pause').addEventListener('click', pause);
at('again').addEventListener('click', () => begin(cells.width));
canvas.addEventListener('pointerdown', wipe);
canvas.addEventListener('pointermove', wipe);
canvas.addEventListener('keydown', event => { if (event.key === ' ') { event.preventDefault(); pause(); } });
begin(96);
frame();

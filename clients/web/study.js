// The study: a small moving scene to paint from before anyone has shown a camera. Drawn only when a frame is taken.

const TURN = Math.PI * 2;

/** Paints the scene as it is at `seconds` into a canvas context of any size. */
export function paintStudy(context, width, height, seconds) {
  context.save();
  context.scale(width, height);
  sky(context);
  sun(context, 0.5 + 0.32 * Math.cos(seconds * 0.5), 0.34 + 0.16 * Math.sin(seconds * 0.5));
  hills(context, seconds);
  sea(context, seconds);
  boat(context, 0.5 + 0.26 * Math.sin(seconds * 0.62), 0.7 + 0.012 * Math.sin(seconds * 2.1), 0.06 * Math.sin(seconds * 1.7));
  context.restore();
}

function sky(context) {
  const gradient = context.createLinearGradient(0, 0, 0, 0.64);
  gradient.addColorStop(0, "#3d6fb4");
  gradient.addColorStop(0.6, "#9fc0d8");
  gradient.addColorStop(1, "#f4dcb0");
  context.fillStyle = gradient;
  context.fillRect(0, 0, 1, 1);
}

function sun(context, x, y) {
  context.fillStyle = "#f9d765";
  context.beginPath();
  context.arc(x, y, 0.085, 0, TURN);
  context.fill();
}

function hills(context, seconds) {
  ridge(context, "#6d7fa8", 0.5, 0.075, seconds * 0.05, 1.3);
  ridge(context, "#3f7a5c", 0.575, 0.05, seconds * 0.09 + 2, 2.1);
}

function ridge(context, colour, base, rise, shift, waves) {
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(0, 1);
  for (let x = 0; x <= 1.001; x += 0.04) {
    const swell = Math.sin(x * waves * TURN * 0.5 + shift) + 0.35 * Math.sin(x * waves * TURN + shift * 1.6);
    context.lineTo(x, base - rise * swell);
  }
  context.lineTo(1, 1);
  context.fill();
}

function sea(context, seconds) {
  context.fillStyle = "#22608a";
  context.fillRect(0, 0.64, 1, 0.36);
  context.strokeStyle = "#6fb0c9";
  context.lineWidth = 0.008;
  context.lineCap = "round";
  for (let row = 0; row < 6; row++) {
    const y = 0.68 + row * 0.054;
    for (let column = 0; column < 3; column++) {
      const x = ((column * 0.37 + row * 0.21 + seconds * (0.02 + row * 0.008)) % 1.2) - 0.1;
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(x + 0.05 + row * 0.012, y);
      context.stroke();
    }
  }
}

function boat(context, x, y, tilt) {
  context.save();
  context.translate(x, y);
  context.rotate(tilt);
  polygon(context, "#f6f1e4", [[0.008, -0.31], [0.008, -0.04], [0.15, -0.04]]);
  polygon(context, "#d8452e", [[-0.012, -0.26], [-0.012, -0.04], [-0.11, -0.04]]);
  polygon(context, "#5a3423", [[-0.17, -0.025], [0.19, -0.025], [0.12, 0.055], [-0.11, 0.055]]);
  context.restore();
}

function polygon(context, colour, points) {
  context.fillStyle = colour;
  context.beginPath();
  for (const point of points) context.lineTo(...point);
  context.fill();
}

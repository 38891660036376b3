//! SVG, laid out by hand: zones side by side in the VPC, the regional services to the right. Light and dark by the
//! viewer's setting. Text is measured for a wide font and cut before it leaves its box.

use std::fmt::Write as _;

use super::Topology;
use crate::view::text::xml;

const LIGHT: &str = "\
.bg{fill:#ffffff}.region{fill:none;stroke:#8c959f}.vpc{fill:#f6f8fa;stroke:#8250df}.zone{fill:none;stroke:#afb8c1}\
.public{fill:#dafbe1;stroke:#2da44e}.private{fill:#ddf4ff;stroke:#218bff}.nat{fill:#fff8c5;stroke:#bf8700}\
.node{fill:#ffffff;stroke:#57606a}.eks{fill:#fff1e5;stroke:#bc4c00}.kar{fill:#fbefff;stroke:#8250df}\
.que{fill:#ffeff7;stroke:#bf3989}.line{stroke:#57606a}.tip{fill:#57606a}\
text{fill:#1f2328}.dim{fill:#57606a}.vpct{fill:#6639ba}.pubt{fill:#116329}.prit{fill:#0550ae}";

const DARK: &str = "\
.bg{fill:#0d1117}.region{stroke:#6e7681}.vpc{fill:#161b22;stroke:#a371f7}.zone{stroke:#484f58}\
.public{fill:#12261e;stroke:#3fb950}.private{fill:#0c2135;stroke:#58a6ff}.nat{fill:#2e2a12;stroke:#d29922}\
.node{fill:#21262d;stroke:#8b949e}.eks{fill:#2f1e12;stroke:#f0883e}.kar{fill:#241b35;stroke:#a371f7}\
.que{fill:#311a28;stroke:#f778ba}.line{stroke:#8b949e}.tip{fill:#8b949e}\
text{fill:#e6edf3}.dim{fill:#9198a1}.vpct{fill:#d2a8ff}.pubt{fill:#7ee787}.prit{fill:#79c0ff}";

const COLUMN: i32 = 184;
const GAP: i32 = 14;
const SIDE: i32 = 292;
const PAD: i32 = 20;

impl Topology {
    /// A complete SVG document, UTF-8.
    #[must_use]
    pub fn svg(&self) -> String {
        let zones = i32::try_from(self.zones.len().clamp(1, 16)).unwrap_or(1);
        let vpc_width = (zones * (COLUMN + GAP) - GAP + 2 * PAD).max(420);
        let width = 2 * PAD + vpc_width + 28 + SIDE + 2 * PAD;
        let pools = i32::try_from(self.pools.len()).unwrap_or(0).min(24);
        let (eks, karpenter, queue) = (92, 62 + pools.max(1) * 46, 74);
        let side = eks + karpenter + queue + 2 * 26;
        // Heading, zone heading, public subnet, gap, private subnet with two bands, endpoints.
        let (public, way) = if self.internet_gateway { (84, 40) } else { (0, 0) };
        let private = (side - 44 - 30 - public - way - PAD - 34).max(150);
        let vpc_height = 44 + 30 + public + way + private + PAD + 34;
        let height = 64 + 34 + vpc_height + 2 * PAD;
        let mut art = Art { out: String::new() };
        let title = format!("{} in {}", xml(self.environment.raw()), xml(self.region.raw()));
        let _ = write!(
            art.out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-label=\"{title}\" font-family=\"'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif\" font-size=\"13\">\n\
             <title>{title}</title>\n<style>rect{{stroke-width:1.4}}.b{{font-weight:600}}.line{{fill:none;stroke-width:1.5}}{LIGHT}\
             @media (prefers-color-scheme:dark){{{DARK}}}</style>\n"
        );
        art.rect("bg", [0, 0, width, height], 14, "");
        art.rect("region", [PAD / 2, PAD / 2, width - PAD, height - PAD], 10, "6 4");
        art.text(PAD + 8, 38, 16, "b", self.environment.raw(), width / 2);
        let after = PAD + 8 + measure(self.environment.raw(), 16, true) + 10;
        art.text(after, 38, 13, "dim", self.region.raw(), width / 4);

        let (left, top) = (2 * PAD - 8, 64 + 34);
        self.vpc_art(&mut art, left, top, vpc_width, vpc_height, (public, way, private));
        let x = left + vpc_width + 44;
        let y = [top, top + eks + 26, top + eks + 26 + karpenter + 26];
        self.side_art(&mut art, x, y, (eks, vpc_height - eks - queue - 52, queue));

        // The services reach into the VPC: control plane to the private subnets, Karpenter to its nodes.
        let edge = left + vpc_width;
        art.arrow(x, y[0] + eks / 2, edge + 3, y[0] + eks / 2);
        let bands = top + 44 + 30 + public + way + 60 + (private - 72) * 3 / 4;
        let nodes = bands.clamp(y[1] + 20, y[1] + (vpc_height - eks - queue - 52) - 20);
        art.arrow(x, nodes, edge + 3, nodes);
        let bottom = top + vpc_height - queue;
        art.arrow(x + SIDE / 2, bottom, x + SIDE / 2, bottom - 23);
        art.out.push_str("</svg>\n");
        art.out
    }

    fn vpc_art(&self, art: &mut Art, left: i32, top: i32, width: i32, height: i32, rows: (i32, i32, i32)) {
        let (public, way, private) = rows;
        art.rect("vpc", [left, top, width, height], 10, "");
        art.text(left + PAD - 4, top + 26, 14, "b vpct", "VPC", 60);
        art.text(left + PAD + 36, top + 26, 13, "vpct", self.vpc.raw(), 150);
        let first = left + (width - (count(&self.zones) * (COLUMN + GAP) - GAP)) / 2;
        let (zone_top, public_top) = (top + 44, top + 44 + 30);
        let private_top = public_top + public + way;
        let middle = left + width / 2;
        if self.internet_gateway {
            art.rect("node", [middle - 76, top - 15, 152, 30], 15, "");
            art.middle(middle, top + 5, 13, "b", "internet gateway", 144);
            art.arrow(middle, top - 48, middle, top - 17);
            art.arrow(middle, top - 17, middle, top - 48);
            art.text(middle + 12, top - 30, 12, "dim", "internet", 90);
        }
        let nat = self.zones.iter().position(|zone| zone.nat_gateway);
        for (index, zone) in self.zones.iter().take(16).enumerate() {
            let x = first + i32::try_from(index).unwrap_or(0) * (COLUMN + GAP);
            let center = x + COLUMN / 2;
            art.rect("zone", [x - 5, zone_top, COLUMN + 10, private_top + private - zone_top + 8], 8, "3 3");
            art.middle(center, zone_top + 19, 12, "dim", zone.name.raw(), COLUMN - 10);
            if let Some(cidr) = &zone.public {
                art.rect("public", [x, public_top, COLUMN, public], 8, "");
                art.text(x + 10, public_top + 20, 12, "b pubt", "public", 70);
                art.right(x + COLUMN - 10, public_top + 20, 12, "pubt", cidr.raw(), COLUMN - 76);
                if zone.nat_gateway {
                    art.rect("nat", [x + 22, public_top + 38, COLUMN - 44, 30], 7, "");
                    art.middle(center, public_top + 58, 13, "b", "NAT gateway", COLUMN - 52);
                }
            }
            if let Some(cidr) = &zone.private {
                art.rect("private", [x, private_top, COLUMN, private], 8, "");
                art.text(x + 10, private_top + 20, 12, "b prit", "private", 70);
                art.right(x + COLUMN - 10, private_top + 20, 12, "prit", cidr.raw(), COLUMN - 80);
                match nat {
                    Some(_) if zone.nat_gateway => art.arrow(center, private_top, center, public_top + 71),
                    Some(other) => {
                        // Through another zone's gateway: along the gap between the rows.
                        let to = first + i32::try_from(other).unwrap_or(0) * (COLUMN + GAP) + COLUMN / 2 + 26;
                        art.elbow(center, private_top, private_top - way / 2, to, public_top + 71);
                    }
                    None => {}
                }
            }
        }
        // Nodes stand in all private subnets: bands across the zones.
        let span = (first + 12, count(&self.zones) * (COLUMN + GAP) - GAP - 24);
        let band = ((private - 50) / 2 - 10).clamp(38, 60);
        let spare = (private - 36 - 2 * band) / 3;
        let bands = [("system nodes", self.system_nodes.raw().to_owned()), ("Karpenter nodes", self.pool_names())];
        for (index, (name, what)) in bands.iter().enumerate() {
            let y = private_top + 30 + spare + i32::try_from(index).unwrap_or(0) * (band + spare);
            art.rect("node", [span.0, y, span.1, band], 8, "");
            art.middle(span.0 + span.1 / 2, y + band / 2 - 4, 13, "b", name, span.1 - 20);
            art.middle(span.0 + span.1 / 2, y + band / 2 + 13, 12, "dim", what, span.1 - 20);
        }
        let endpoints: Vec<_> = self.endpoints.iter().map(super::Untrusted::raw).collect();
        if !endpoints.is_empty() {
            let words = format!("endpoints: {}", endpoints.join(", "));
            art.text(left + PAD - 4, top + height - 14, 12, "vpct", &words, width - 2 * PAD);
        }
    }

    fn side_art(&self, art: &mut Art, x: i32, y: [i32; 3], heights: (i32, i32, i32)) {
        let inner = SIDE - 28;
        art.rect("eks", [x, y[0], SIDE, heights.0], 10, "");
        art.text(x + 14, y[0] + 26, 14, "b", "EKS control plane", inner);
        let version = format!("{}, Kubernetes {}", self.cluster.raw(), self.version.raw());
        art.text(x + 14, y[0] + 49, 13, "", &version, inner);
        art.text(x + 14, y[0] + 70, 12, "dim", self.endpoint, inner);

        art.rect("kar", [x, y[1], SIDE, heights.1], 10, "");
        art.text(x + 14, y[1] + 26, 14, "b", &format!("Karpenter {}", self.karpenter.raw()), inner);
        art.text(x + 14, y[1] + 45, 12, "dim", "on the system nodes, launches from:", inner);
        for (index, pool) in self.pools.iter().take(24).enumerate() {
            let top = y[1] + 56 + i32::try_from(index).unwrap_or(0) * 46;
            art.rect("node", [x + 12, top, SIDE - 24, 40], 7, "");
            art.text(x + 22, top + 17, 13, "b", pool.name.raw(), 128);
            art.right(x + SIDE - 22, top + 17, 11, "dim", pool.capacity.raw(), 122);
            art.text(x + 22, top + 33, 11, "dim", pool.limits.raw(), SIDE - 46);
        }
        if self.pools.is_empty() {
            art.text(x + 22, y[1] + 76, 12, "dim", "no node pools", inner);
        }
        let bottom = y[1] + heights.1 + 26;
        art.rect("que", [x, bottom, SIDE, heights.2], 10, "");
        art.text(x + 14, bottom + 28, 14, "b", "Interruption queue", inner);
        art.text(x + 14, bottom + 51, 12, "dim", "SQS, fed by EventBridge rules", inner);
    }

    fn pool_names(&self) -> String {
        let names: Vec<_> = self.pools.iter().map(|pool| pool.name.raw()).collect();
        if names.is_empty() { "no node pools".to_owned() } else { names.join(", ") }
    }
}

fn count<T>(items: &[T]) -> i32 {
    i32::try_from(items.len().clamp(1, 16)).unwrap_or(1)
}

/// The document as it grows.
struct Art {
    out: String,
}

impl Art {
    fn rect(&mut self, class: &str, [x, y, width, height]: [i32; 4], radius: i32, dash: &str) {
        let dash = if dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dash}\"") };
        let _ = writeln!(
            self.out,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\"{dash}/>"
        );
    }

    fn place(&mut self, at: (i32, i32), size: i32, class: &str, text: &str, room: i32, anchor: &str) {
        let shown = fit(text, size, room, class.split(' ').any(|class| class == "b"));
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let (x, y) = at;
        let _ =
            writeln!(self.out, "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{anchor}{class}>{}</text>", xml(&shown));
    }

    fn text(&mut self, x: i32, y: i32, size: i32, class: &str, text: &str, room: i32) {
        self.place((x, y), size, class, text, room, "");
    }

    fn middle(&mut self, x: i32, y: i32, size: i32, class: &str, text: &str, room: i32) {
        self.place((x, y), size, class, text, room, " text-anchor=\"middle\"");
    }

    fn right(&mut self, x: i32, y: i32, size: i32, class: &str, text: &str, room: i32) {
        self.place((x, y), size, class, text, room, " text-anchor=\"end\"");
    }

    fn arrow(&mut self, x1: i32, y1: i32, x2: i32, y2: i32) {
        let _ = writeln!(self.out, "<path class=\"line\" d=\"M{x1} {y1}L{x2} {y2}\"/>");
        self.tip(x2, y2, (x2 - x1).signum(), (y2 - y1).signum());
    }

    /// Up, along, up.
    fn elbow(&mut self, x1: i32, y1: i32, along: i32, x2: i32, y2: i32) {
        let _ = writeln!(self.out, "<path class=\"line\" d=\"M{x1} {y1}V{along}H{x2}V{y2}\"/>");
        self.tip(x2, y2, 0, -1);
    }

    fn tip(&mut self, x: i32, y: i32, dx: i32, dy: i32) {
        let (bx, by) = (x - dx * 8, y - dy * 8);
        let (wx, wy) = (dy * 4, dx * 4);
        let _ =
            writeln!(self.out, "<path class=\"tip\" d=\"M{x} {y}L{} {}L{} {}Z\"/>", bx + wx, by + wy, bx - wx, by - wy);
    }
}

/// Width in pixels in a wide sans-serif, an upper bound for the usual ones. In thousandths of the size per character.
fn measure(text: &str, size: i32, bold: bool) -> i32 {
    let mille: i32 = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 300,
            ' ' | '/' | '-' | '(' | ')' | 't' | 'f' | 'r' | 'I' => 400,
            'm' | 'w' | 'M' | 'W' | '@' | '%' => 980,
            'A'..='Z' => 740,
            'a'..='z' | '0'..='9' => 630,
            _ => 1000,
        })
        .sum();
    let mille = if bold { mille * 11 / 10 } else { mille };
    mille.saturating_mul(size) / 1000
}

/// The text, or as much of it as fits with `…`.
fn fit(text: &str, size: i32, room: i32, bold: bool) -> String {
    let shown = crate::view::text::visible(text);
    if measure(&shown, size, bold) <= room {
        return shown;
    }
    let mut cut = String::new();
    for c in shown.chars() {
        cut.push(c);
        if measure(&cut, size, bold) + size > room {
            cut.pop();
            break;
        }
    }
    cut.push('…');
    cut
}

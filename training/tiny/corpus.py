"""Hand-written lines on which the tiny tokenizers are trained, and the places at which the tiny models are asked."""

LINES = '''
import os
import sys

def area(width, height):
    """The area of a rectangle."""
    return width * height

def total(items):
    result = 0
    for item in items:
        result += item.price
    return result

class Counter:
    def __init__(self):
        self.counts = {}

    def add(self, word):
        self.counts[word] = self.counts.get(word, 0) + 1

    def most(self):
        return max(self.counts, key=self.counts.get)

if __name__ == "__main__":
    counter = Counter()
    for word in sys.argv[1:]:
        counter.add(word)
    print(counter.most())

fn main() {
    let mut total = 0;
    for value in values.iter() {
        total += value;
    }
    println!("{}", total);
}

pub struct Point {
    pub x: i32,
    pub y: i32,
}

impl Point {
    pub fn new(x: i32, y: i32) -> Self {
        Point { x, y }
    }

    pub fn length(&self) -> f64 {
        ((self.x * self.x + self.y * self.y) as f64).sqrt()
    }
}

export function greet(name: string): string {
  const greeting = `Hello, ${name}!`;
  return greeting;
}

const list = [1, 22, 333, 4444];
const sum = list.reduce((a, b) => a + b, 0);

// A comment with accents: \u00e9t\u00e9, na\u00efve, \u4e2d\u6587.
if (sum > 100) {
  throw new Error("too large: " + sum);
}
'''.splitlines(keepends=True)

# (prefix, suffix): what stands before the cursor and below its line.
PLACES = [
    (
        "import os\n\ndef area(width, height):\n    return ",
        "\n\ndef total(items):\n    result = 0\n    return result\n",
    ),
    ("fn main() {\n    let mut total = 0;\n    for value in ", "    println!(\"{}\", total);\n}\n"),
]

#!/bin/sh
# What an embedding table of ten million rows of sixteen floats takes in memory: what `adepts train` says beforehand, and the
# peak of its process. Makes a log of 2.5 million rows that name 12.5 million ids, five each, of which the training part has ten
# million, and trains two epochs: once with a vocabulary of all ids, once with ids hashed to ten million codes.
#
#   experiments/large-table.sh [FOLDER]      (1.5 GB on disk and a few minutes; Linux)
#
# The result goes to stdout. $ADEPTS names the binary [target/release/adepts].
set -eu
. "$(dirname "$0")/peak.sh"

folder=${1:-large-table}
adepts=${ADEPTS:-target/release/adepts}
rows=2500000
mkdir -p "$folder"

if [ ! -s "$folder/log.csv" ]; then
    awk -v rows=$rows 'BEGIN {
        srand(7)
        print "label,country,user,seen"
        split("de fr it es pl", country, " ")
        for (row = 0; row < rows; row++) {
            domain = 1 + int(5 * rand() * rand())
            seen = ""
            # A number that has no factor with that of the ids meets each of them once.
            for (n = 0; n < 5; n++) seen = seen (n ? "|" : "") (1000000000 + ((5 * row + n) * 7654321) % (5 * rows))
            printf "%d,%s,%d,%s\n", rand() < 0.1 + 0.1 * domain, country[domain], int(500000 * rand()), seen
        }
    }' > "$folder/log.csv.part"
    mv "$folder/log.csv.part" "$folder/log.csv"
fi

cat > "$folder/experiment.toml" <<EOF
name = "large-table"
[data]
source = "$folder/log.csv"
label = "label"
domain = "country"
fields = ["user", { column = "seen", separator = "|" }]
[model]
kind = "mlp"
embedding = 16
[train]
epochs = 2
EOF

train() {
    name=$1
    shift
    peak "$adepts" train "$folder/experiment.toml" --out "$folder/$name" --overwrite "$@" > "$folder/$name.out" 2> "$folder/$name.err"
    echo "$name"
    sed -n 's/^memory: about/  stated beforehand:/p' "$folder/$name.err"
    awk -v peak="$peak" 'BEGIN { printf "  peak: %.2f GB\n", peak * 1024 / 1e9 }'
    rm -r "${folder:?}/$name"
}

train vocabulary
train hash --set 'data.fields=["user", { column = "seen", separator = "|", hash = 10000000 }]'

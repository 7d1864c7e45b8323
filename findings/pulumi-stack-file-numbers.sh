#!/usr/bin/env bash
# github.com/pulumi/pulumi/sdk/v3 3.274.1 (what the Pulumi CLI reads `Pulumi.<stack>.yaml` with): a value without quotes
# is not what YAML 1.2 makes of it, and a program gets no hint.
#
# Seen: `0365` becomes 245 (octal), `365.0` becomes 365, `1_000` becomes 1000, `2027-01-01` becomes
# "2027-01-01 00:00:00 +0000 UTC", and an empty value becomes an empty text. A key without a colon gets the project's
# name. Python's ruamel.yaml 0.19.1 reads 365, 365.0, a date and None.
# Needs: go 1.24 or newer, python3, network to the Go proxy and the package index. Takes some minutes.
set -euo pipefail
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"
cat > Pulumi.dev.yaml <<'YAML'
config:
  app:octal: 0365
  app:float: 365.0
  app:underscore: 1_000
  app:date: 2027-01-01
  app:empty:
  bare: text
YAML
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"sort"

	"github.com/pulumi/pulumi/sdk/v3/go/common/encoding"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

func main() {
	data, err := os.ReadFile("Pulumi.dev.yaml")
	if err != nil {
		panic(err)
	}
	project := &workspace.Project{Name: "app"}
	stack, err := workspace.LoadProjectStackBytes(nil, project, data, "Pulumi.dev.yaml", encoding.YAML)
	if err != nil {
		panic(err)
	}
	var lines []string
	for key, value := range stack.Config {
		text, _ := value.Value(config.NopDecrypter)
		lines = append(lines, fmt.Sprintf("%s=%q", key, text))
	}
	sort.Strings(lines)
	for _, line := range lines {
		fmt.Println(line)
	}
}
GO
printf 'module finding\ngo 1.24\nrequire github.com/pulumi/pulumi/sdk/v3 v3.274.1\n' > go.mod
go mod tidy 2>/dev/null
go run . > seen
cat seen
diff seen - <<'SEEN'
app:bare="text"
app:date="2027-01-01 00:00:00 +0000 UTC"
app:empty=""
app:float="365"
app:octal="245"
app:underscore="1000"
SEEN
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check ruamel.yaml==0.19.1
venv/bin/python - <<'PY'
from ruamel.yaml import YAML

config = YAML(typ="safe", pure=True).load(open("Pulumi.dev.yaml"))["config"]
print(config)
assert (config["app:octal"], config["app:float"], config["app:empty"]) == (365, 365.0, None)
assert config["app:date"].isoformat() == "2027-01-01"
PY

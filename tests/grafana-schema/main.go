// Holds dashboards against Grafana's own schema: every field must be one that it knows, and every value one that it takes.
//
//	grafana-schema FILE…
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// The schema's decoder answers a list of errors, which is no nil where it is empty.
func found(err error) error {
	var list cog.BuildErrors
	if errors.As(err, &list) && len(list) == 0 {
		return nil
	}
	return err
}

func check(file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var document map[string]any
	if err := json.Unmarshal(raw, &document); err != nil {
		return err
	}
	var made dashboard.Dashboard
	if err := found(made.UnmarshalJSONStrict(raw)); err != nil {
		return fmt.Errorf("not as the schema has it: %w", err)
	}
	if err := found(made.Validate()); err != nil {
		return fmt.Errorf("not valid: %w", err)
	}
	if len(made.Panels) != len(document["panels"].([]any)) {
		return fmt.Errorf("%d panels are read", len(made.Panels))
	}
	return nil
}

func main() {
	plugins.RegisterDefaultPlugins()
	failed := false
	for _, file := range os.Args[1:] {
		if err := check(file); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
	fmt.Println(len(os.Args)-1, "dashboards are as the schema has them")
}

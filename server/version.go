package main

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
)

// version is set where there is no repository to read it from.
var version string

func printVersion(_ context.Context, _ []string, out io.Writer) error {
	_, err := fmt.Fprintln(out, "foyer", currentVersion())
	return err
}

// currentVersion is what Go stamps into a program that is built in its repository.
func currentVersion() string {
	info, ok := debug.ReadBuildInfo()
	if version != "" || !ok {
		return version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && info.Main.Version == "(devel)" {
			return setting.Value
		}
	}
	return info.Main.Version
}

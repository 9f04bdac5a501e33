// Command docs writes docs/settings.md.
package main

import (
	"bytes"
	"fmt"
	"os"

	"foyer/server/config"
)

func main() {
	var page bytes.Buffer
	err := config.Markdown(&page)
	if err == nil {
		err = os.WriteFile(os.Args[1], page.Bytes(), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

package env

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime/debug"
)

// BuildFoyer builds the program into a folder and returns its file. It has the race detector if the test has it.
func BuildFoyer(dir string) (string, error) {
	file := filepath.Join(dir, "foyer")
	args := []string{"build", "-buildvcs=false", "-o", file}
	if raced() {
		args = append(args, "-race")
	}
	if output, err := exec.Command("go", append(args, "foyer/server")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build foyer/server: %w\n%s", err, output)
	}
	return file, nil
}

// raced reports whether the test itself was built with the race detector.
func raced() bool {
	info, _ := debug.ReadBuildInfo()
	for _, setting := range info.Settings {
		if setting.Key == "-race" {
			return setting.Value == "true"
		}
	}
	return false
}

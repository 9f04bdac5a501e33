// Up starts the services that tests need, runs a command with their addresses in its environment, and ends them:
//
//	go run ./test/env/up [-livekit bin/livekit-server] [-minio bin/minio] -- go test ./...
//
// PostgreSQL, a Redis, a Redis Cluster of three nodes, LiveKit and MinIO run on free ports of
// 127.0.0.1 with their data in a temporary folder. The names of the variables are in package env.
//
// Up exits with the command's code. At its end (the command's end, a signal, a service that does not start) it ends
// every process that it started and removes the folder. When it is killed with -9, the kernel ends its processes and
// the folder stays.
//
// The command reads no terminal. It runs in its own process group, and no process of that group is left when up ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"foyer/test/env"
)

// failed is the exit code when the command did not run to its end.
const failed = 125

func main() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: up [-livekit FILE] [-minio FILE] -- COMMAND ARGS...")
		flag.PrintDefaults()
	}
	livekit := flag.String("livekit", "bin/livekit-server", "the LiveKit server's `file`")
	minio := flag.String("minio", "bin/minio", "MinIO's `file`")
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(failed)
	}
	ctx, stop := signal.NotifyContext(context.Background(),
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	code, err := run(ctx, programs{*livekit, *minio}, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "test/env/up:", err)
	}
	os.Exit(code)
}

// run returns the command's exit code after everything that it started has ended.
func run(ctx context.Context, files programs, command []string) (int, error) {
	services, err := newServices(files)
	if err != nil {
		return failed, err
	}
	defer services.end()
	environment, err := services.start(ctx)
	if err != nil {
		return failed, err
	}
	return runCommand(ctx, command, environment)
}

func runCommand(ctx context.Context, args, environment []string) (int, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	command, err := env.Start(cmd, "")
	if err != nil {
		return failed, err
	}
	defer command.EndWith(syscall.SIGTERM)
	if errors.Is(command.Wait(ctx), context.Canceled) {
		return failed, errors.New("interrupted")
	}
	return command.ExitCode(), nil
}

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"foyer/test/env"
)

// programs are the files of the servers that make builds.
type programs struct{ livekit, minio string }

// find makes the names absolute, and reports a missing program.
func (p programs) find() (programs, error) {
	livekit, livekitErr := find(p.livekit, "LiveKit server", "bin/livekit-server")
	minio, minioErr := find(p.minio, "MinIO", "bin/minio")
	return programs{livekit, minio}, errors.Join(livekitErr, minioErr)
}

func find(file, what, target string) (string, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("no %s, `make %s` builds it: %w", what, target, err)
	}
	return file, nil
}

// services are the started processes and the folder of their data and logs.
type services struct {
	dir   string
	files programs

	mu        sync.Mutex
	processes []*env.Process
}

func newServices(files programs) (*services, error) {
	files, err := files.find()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "foyer-test-")
	if err != nil {
		return nil, err
	}
	// PostgreSQL may run as another user, who needs access to its own folder.
	return &services{dir: dir, files: files}, os.Chmod(dir, 0o711)
}

// start starts all services in parallel, and returns the environment with their addresses when all of them answer. The
// caller calls end, also after an error.
func (s *services) start(ctx context.Context) ([]string, error) {
	ports, err := env.FreePorts(11)
	if err != nil {
		return nil, err
	}
	redis, nodes, buses := ports[1], ports[4:7], ports[7:10]
	postgres := &env.PostgresServer{Dir: s.dir, Port: ports[0], Password: rand.Text()}
	livekit := &env.LiveKitServer{
		File: s.files.livekit, Dir: s.dir, Signal: ports[2], Media: ports[3],
	}
	minio := &env.MinIOServer{File: s.files.minio, Dir: s.dir, Port: ports[10]}

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.startPostgres(ctx, postgres) })
	group.Go(func() error { return s.startRedis(ctx, redis) })
	group.Go(func() error { return s.startLiveKit(ctx, livekit) })
	group.Go(func() error { return s.startMinIO(ctx, minio) })
	group.Go(func() error { return s.startCluster(ctx, nodes, buses) })
	return []string{
		env.EnvPostgres + "=" + postgres.URL(),
		env.EnvRedis + "=redis://" + address(redis) + "/0",
		env.EnvRedisCluster + "=" + addresses(nodes),
		env.EnvLiveKitFile + "=" + s.files.livekit,
		env.EnvLiveKitURL + "=" + livekit.URL(),
		env.EnvLiveKitKey + "=" + livekit.Key(),
		env.EnvLiveKitSecret + "=" + livekit.Secret(),
		env.EnvMinIOFile + "=" + s.files.minio,
		env.EnvS3URL + "=" + minio.URL(),
		env.EnvS3Key + "=" + minio.Key(),
		env.EnvS3Secret + "=" + minio.Secret(),
	}, group.Wait()
}

// process starts a process with its own log; end ends it.
func (s *services) process(name string, cmd *exec.Cmd) (*env.Process, error) {
	return s.keep(name, func() (*env.Process, error) {
		return env.Start(cmd, s.path(name+".log"))
	})
}

// keep starts a process, which end ends.
func (s *services) keep(
	name string, start func() (*env.Process, error),
) (*env.Process, error) {
	process, err := start()
	if err != nil {
		return nil, fmt.Errorf("start %s (`make setup` installs what is missing): %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.processes = append(s.processes, process)
	return process, nil
}

// end ends every process and removes the folder.
func (s *services) end() {
	var group errgroup.Group
	for _, process := range s.processes {
		group.Go(func() error { process.End(); return nil })
	}
	_ = group.Wait()
	if err := os.RemoveAll(s.dir); err != nil {
		fmt.Fprintln(os.Stderr, "test/env/up:", err)
	}
}

func (s *services) path(name string) string {
	return filepath.Join(s.dir, name)
}

func address(port int) string {
	return fmt.Sprintf("127.0.0.1:%d", port)
}

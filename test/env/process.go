package env

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

const (
	startTime = time.Minute           // for a server to come up on a slow, busy machine
	pollTime  = 20 * time.Millisecond // between two attempts to connect to it
	endTime   = 10 * time.Second      // for a process to end before it is killed
	logTail   = 4096                  // bytes of a log to show
)

// Process is a process that we started. It leads its own process group, so that a Ctrl-C for us does not reach it. It
// ends when we end, even when we are killed with -9.
type Process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when the process has ended; err is set before
	err  error
}

// Start starts cmd. Its output goes to the file log, or where cmd says when log is empty. The death signal of
// cmd.SysProcAttr, by default SIGKILL, ends it, both in End and when we end.
func Start(cmd *exec.Cmd, log string) (*Process, error) {
	if log != "" {
		file, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		defer file.Close() // the child has its own
		cmd.Stdout, cmd.Stderr = file, file
	}
	bindToUs(cmd)
	p := &Process{cmd: cmd, log: log, done: make(chan struct{})}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func bindToUs(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if cmd.SysProcAttr.Pdeathsig == 0 {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
}

// run starts the process and waits for it on the same OS thread: the kernel sends the death signal when the *thread*
// that started the process ends, so that thread must stay.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
		p.signal(syscall.SIGKILL) // the rest of its group
		close(p.done)
	}
}

// Ready repeats check until it succeeds. When the process ends first, or a minute passes, the error holds the end of
// its log.
func (p *Process) Ready(ctx context.Context, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.failure("ended before it was ready", p.err)
		case <-ctx.Done():
			return p.failure("is not ready", err)
		case <-time.After(pollTime):
		}
	}
}

// GetOK is a check for Ready: a GET of a URL is answered 200.
func GetOK(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		request.Close = true // no idle connection: tests count goroutines
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("health check: %s", response.Status)
		}
		return nil
	}
}

// Wait waits for the end of the process. It returns nil for exit code 0, else an error with the end of the log. It
// stops waiting when ctx ends; the process goes on.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.done:
	}
	if p.err != nil {
		return p.failure("failed", p.err)
	}
	return nil
}

// End ends the process and its group, and waits for their end.
func (p *Process) End() {
	p.EndWith(p.cmd.SysProcAttr.Pdeathsig)
}

// EndWith is End with another first signal. After ten seconds it sends SIGKILL.
func (p *Process) EndWith(signal syscall.Signal) {
	select {
	case <-p.done:
		return // its number may belong to another process by now
	default:
	}
	p.signal(signal)
	select {
	case <-p.done:
	case <-time.After(endTime):
		p.signal(syscall.SIGKILL)
		<-p.done
	}
}

// signal sends to the whole group.
func (p *Process) signal(signal syscall.Signal) {
	_ = syscall.Kill(-p.cmd.Process.Pid, signal) // fails only when the group is empty
}

// ExitCode is the exit code that a shell would report: the process's own, or 128 plus the number of the signal that
// killed it.
func (p *Process) ExitCode() int {
	<-p.done
	if status := p.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

// failure describes the end of the process, with the end of its log.
func (p *Process) failure(what string, cause error) error {
	log, err := os.ReadFile(p.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		log = []byte(err.Error())
	}
	log = log[max(0, len(log)-logTail):]
	return fmt.Errorf("%s %s: %w\n%s", filepath.Base(p.cmd.Path), what, cause, log)
}

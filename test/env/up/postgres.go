package main

import (
	"context"

	"foyer/test/env"
)

func (s *services) startPostgres(ctx context.Context, server *env.PostgresServer) error {
	if err := server.Init(ctx); err != nil {
		return err
	}
	process, err := s.keep("postgres", server.Launch)
	if err != nil {
		return err
	}
	return process.Ready(ctx, server.Answers)
}

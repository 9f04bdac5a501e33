package main

import (
	"context"

	"foyer/testenv"
)

func (s *services) startPostgres(ctx context.Context, server *testenv.PostgresServer) error {
	if err := server.Init(ctx); err != nil {
		return err
	}
	process, err := s.keep("postgres", server.Launch)
	if err != nil {
		return err
	}
	return process.Ready(ctx, server.Answers)
}

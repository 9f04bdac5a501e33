package main

import (
	"context"

	"foyer/test/env"
)

func (s *services) startMinIO(ctx context.Context, server *env.MinIOServer) error {
	process, err := s.keep("minio", server.Launch)
	if err != nil {
		return err
	}
	return process.Ready(ctx, env.GetMinIO(server.URL()))
}

// Relay is the least that can stand between an editor and a server: a line in, a POST, the body out. It
// checks nothing, keeps no session and answers nothing itself. It is what the proxy is measured against.
package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"sync"
)

func main() {
	url, key := os.Getenv("LEADMAGIC_MCP_URL"), os.Getenv("LEADMAGIC_API_KEY")
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 1024
	client := &http.Client{Transport: transport}
	var out sync.Mutex
	var calls sync.WaitGroup
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			break
		}
		calls.Go(func() {
			req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(line)) //nolint:noctx // nothing ends a relay but its input
			if err != nil {
				return
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("X-Leadmagic-Key", key)
			res, err := client.Do(req)
			if err != nil {
				return
			}
			defer res.Body.Close() //nolint:errcheck // it was read to its end
			body, err := io.ReadAll(res.Body)
			if err != nil || len(body) == 0 {
				return
			}
			out.Lock()
			defer out.Unlock()
			_, _ = os.Stdout.Write(append(body, '\n'))
		})
	}
	calls.Wait()
}

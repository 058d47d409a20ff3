// Command worker keeps a core about a third busy until it is killed.
package main

import "time"

func main() {
	for range time.Tick(30 * time.Millisecond) {
		for began := time.Now(); time.Since(began) < 10*time.Millisecond; {
			continue
		}
	}
}
